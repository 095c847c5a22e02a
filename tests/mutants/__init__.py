"""Small, plausible mistakes in the sources, and the tests that must notice each of them."""
