"""The figures of the paper, quoted next to ours. Its stroke recordings are private, its able-bodied
ones Camargo 2021.
"""

TABLE1 = {
    "able": {"mae": 3.4, "r": 0.95, "rank": 3.3, "cadence_mae": 6.2},
    "stroke": {"mae": 6.0, "r": 0.86, "rank": 2.8, "cadence_mae": 5.8},
}

# joint -> MAE and r, (paretic, non-paretic)
TABLE2 = {
    "hip": {"mae": (4.1, 5.3), "r": (0.95, 0.93)},
    "knee": {"mae": (6.7, 8.0), "r": (0.87, 0.87)},
    "ankle": {"mae": (5.6, 6.3), "r": (0.75, 0.80)},
    "overall": {"mae": (5.5, 6.5), "r": (0.86, 0.87)},
}

# cohort -> rank with the subject's own gait, and with another subject's
TABLE3 = {"able": (3.3, 14.3), "stroke": (2.8, 7.7)}

BASELINES = {"mlp": 12.25, "tcn": 11.43}
