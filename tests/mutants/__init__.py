"""Small, plausible mistakes in the sources, and the tests that must notice each of them."""

from mutants import core, evaluation, face, kernels, sharing, tools, trainer

MUTANTS = [
    *core.MUTANTS,
    *evaluation.MUTANTS,
    *face.MUTANTS,
    *kernels.MUTANTS,
    *sharing.MUTANTS,
    *tools.MUTANTS,
    *trainer.MUTANTS,
]
