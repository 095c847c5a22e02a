"""What there is to choose from, by the core's names."""

ACTIVATIONS = ("tanh", "relu", "softplus", "sigmoid")
LIKELIHOODS = ("bernoulli", "gaussian", "bounded-gaussian")
BOUND_ESTIMATORS = ("analytic-kl", "monte-carlo", "score-function")
OPTIMIZERS = ("adagrad", "sgd", "adam")
BINARIZE = ("threshold", "dynamic")
