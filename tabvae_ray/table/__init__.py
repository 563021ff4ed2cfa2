"""Tables: specs of their columns, reading and writing, and their integer codes."""
