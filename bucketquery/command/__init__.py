"""The parts of the command that read no file and print nothing: file formats, options, and notes for standard error."""
