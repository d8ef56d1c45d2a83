"""Which frames of an ab initio data set are worth keeping: similarity, clusters, choice."""
