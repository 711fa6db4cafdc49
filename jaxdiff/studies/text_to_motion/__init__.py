"""Text to motion made runnable: train on captioned motion, evaluate by the published protocol,
generate from a sentence.
"""
