"""Small, plausible mistakes in the sources, and the tests that must notice each of them."""

from mutants import sharing

MUTANTS = [*sharing.MUTANTS]
