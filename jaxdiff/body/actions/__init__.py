"""Simulated full-body motion with captions, and the muscles that would drive it."""

from jaxdiff.body.actions.emg import MUSCLES, activations
from jaxdiff.body.actions.simulate import ACTIONS, Clip, simulate_clip, simulate_motions

__all__ = ["ACTIONS", "MUSCLES", "Clip", "activations", "simulate_clip", "simulate_motions"]
