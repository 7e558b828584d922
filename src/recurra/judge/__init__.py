"""What several tasks need to judge a model: loss sums, intervals, the verdict."""
