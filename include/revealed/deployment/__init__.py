"""What the services of docker-compose.yml need beside the loop itself: secrets, preparation, accounts, health checks."""
