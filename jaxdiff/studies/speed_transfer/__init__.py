"""Speed transfer: a person's gait at one walking speed, generated at another.

Stride transfer, the shipped model:

strides        gaits as Fourier coefficients of strides: states
hierarchy      the hierarchical linear model of their change with speed; priors: of a laboratory's people, from simulation
examples       training examples: combinations of source and target speeds
predictor      hierarchical model and diffusion of its residual as one; stored: in a file
recorded       gaits of recordings; synthesis: recordings of states; bands: intervals per phase
model          the model a user calls; adaptation: updated by a laboratory's people
program        the model as a function of arrays, for export and streams
cohort         a large simulated cohort; stride_training
held_out       errors and coverage on people left out; stride_tables, stride_report, real

The paper's setting, and its tables:

people         cohorts of the paper's size from the same walker
data           recordings in time, and pairs of speeds
baselines      the population's change, and the baselines made of it
training       from a config to a trained model; transfer: its use on a cohort; time_model: its use on a recording
regression     the paper's MLP and TCN
evaluation     generated gait against the person's own and against others'
predictors, stride_rows, tables, figures, drawing, experiments, paper
"""
