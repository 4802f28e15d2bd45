"""The subcommands of the `kerasched` command."""
