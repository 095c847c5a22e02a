"""Training: the trainer, the loop of minibatches, and trials of learning rates."""
