"""BioVAE made runnable."""
