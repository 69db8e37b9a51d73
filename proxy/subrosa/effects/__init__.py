"""What is told of each decision: metrics, evidence and logs; never changes a verdict."""
