"""The front: takes connections in, looks at what they begin with, and hands each to the lane that serves it."""
