"""Training on several machines, or by several processes of one: see docs/training-cluster.md.

Each member has the whole model and computes the gradients of its share of each batch; all update
their weights by the mean. Rank 0 decides, shows, measures and saves; the others follow.
"""
