"""The subcommands of `kerasched`, each with its options and what it runs."""
