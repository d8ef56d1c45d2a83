"""From a Job to an Outcome, on a worker."""
