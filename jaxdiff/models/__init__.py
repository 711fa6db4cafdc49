"""Trained models, predictions, calibrated intervals and the shipped weights."""
