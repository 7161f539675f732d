"""What messages with a head and a body are made of: lines, header fields, kinds of bodies."""
