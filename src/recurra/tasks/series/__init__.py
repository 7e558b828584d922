"""Time series: forecasts with intervals, beside the baselines that a sceptic would ask for."""
