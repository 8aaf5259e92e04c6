"""Pruning: *what* may fall (structure), *how* it is chosen (criteria, scope), *when and how often* (schedule)."""
