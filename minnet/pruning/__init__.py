"""Pruning: *what* is removed (structure), *how* it is chosen (criteria, scope), *when and how often* (schedule)."""
