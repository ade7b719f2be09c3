"""What people say beforehand: settings, files of maps and streams, the salt, the tokens."""
