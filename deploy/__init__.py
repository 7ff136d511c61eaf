"""Running adrwatch and proving it: the local launcher (`local`), the demo (`demo`), the account of posts (`reconcile`)."""
