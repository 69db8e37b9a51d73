"""What can be known about one transfer, in one canonical form; knows no rule, socket, file or clock."""
