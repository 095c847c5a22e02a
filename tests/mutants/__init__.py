"""Small, plausible mistakes in the sources, and the tests that must notice each of them."""

from mutants import (
    comparison,
    core,
    defaults,
    evaluation,
    face,
    imputation,
    kernels,
    latent,
    missing,
    schemas,
    sharing,
    streams,
    tables,
    tools,
    trainer,
    weights,
)

MUTANTS = [
    *comparison.MUTANTS,
    *core.MUTANTS,
    *defaults.MUTANTS,
    *evaluation.MUTANTS,
    *face.MUTANTS,
    *imputation.MUTANTS,
    *kernels.MUTANTS,
    *latent.MUTANTS,
    *schemas.MUTANTS,
    *missing.MUTANTS,
    *sharing.MUTANTS,
    *streams.MUTANTS,
    *tables.MUTANTS,
    *tools.MUTANTS,
    *trainer.MUTANTS,
    *weights.MUTANTS,
]
