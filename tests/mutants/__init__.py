"""Small, plausible mistakes in the sources, and the tests that must notice each of them."""

from mutants import evaluation, face, sharing, tools, trainer

MUTANTS = [
    *evaluation.MUTANTS,
    *face.MUTANTS,
    *sharing.MUTANTS,
    *tools.MUTANTS,
    *trainer.MUTANTS,
]
