"""The `veery` command.

One module a noun. A module's head imports nothing but the parts of the parser, so that `--help`, `--version` and
completion stay quick; what a command needs is imported inside the function that runs it.

    main        from argv to an exit code: errors, Ctrl-C, closed pipes
    parser      the whole tree of commands; `command` is what one is made of, `help` and `man_page` explain it
    console     what goes to standard output and standard error; `text` and `shown` put it into words
    running     the event loop and signals of a command
    profiles    where accounts are; `unlock` is what opens them
    questions   answers of the engine: by `quick` from one that runs, by `local` from the disk, by `engine` from our own
    service     what commands that run until they are stopped have in common

Every other module is a noun (its parser), or does the work of one (`…_commands`, `…_service`).

Standard output is data, standard error is talk. With `--json` every command writes JSON objects, one a line; a command
that lists things writes one object a thing. Errors are one line on standard error, `veery: <what>. <remedy>`; with
`--json` a second line follows there, `{"error": {"kind", "message", "remedy"}}`.
"""
