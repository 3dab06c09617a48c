"""Background work: jobs with a lease and a fence, the same on both databases."""
