"""The dashboard and the API: what people see of alerts, cases, posts and the running of it all, each by what they may.

It stands above the services: it shows what they keep, by their own code, and keeps nothing that cannot be made anew from them
but who may sign in.
"""
