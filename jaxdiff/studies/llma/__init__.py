"""LLMA made runnable: one modality of gait from another, with error bars."""
