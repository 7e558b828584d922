"""The things of users as arrays, and back: tokens, n-grams, scaled numbers, the calendar."""
