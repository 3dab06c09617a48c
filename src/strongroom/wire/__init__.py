"""The edge: HTTP and AWS wire protocols on one side, plain values on the other."""
