"""What watches adrwatch: Prometheus with its rules, and Grafana with its dashboards (docs/observe.md)."""
