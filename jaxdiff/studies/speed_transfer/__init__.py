"""Speed transfer: a person's gait at one walking speed, told at another.

data         cohorts and pairs of speeds; gaits in time, or as strides on a grid of phases
alignment    the clock of a gait: phases, strides, walking at another cadence
population   what training subjects have in common, and the baselines made of it
training     a config made into a trained model
transfer     the trained model as a user meets it
regression   the paper's MLP and TCN
evaluation   generated gait against the person's own and everybody else's
floor        what nobody could do better, on simulated people
tables, figures, experiments, paper, generation
"""
