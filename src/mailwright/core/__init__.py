"""What the product does. Read model.py, ports.py, errors.py and events.py first; then one module per capability."""
