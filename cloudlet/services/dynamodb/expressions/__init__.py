"""DynamoDB's languages, pure: text, names and values in; conditions, updates and projections of canonical items out.

request.py is the door: it reads a request's expression parameters (or the legacy ones before them) and answers bound
expressions. Each language is a parser (text → tree of trees.py, errors in AWS's words) and a module that makes the
tree runnable; compiled forms are cached by text and names, never by values.
"""
