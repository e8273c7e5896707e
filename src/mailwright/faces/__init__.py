"""How others reach us: SMTP, REST, the command line. A face translates; it never decides."""
