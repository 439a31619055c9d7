-- Run once by PostgreSQL's image, when its volume is empty: a role and a database each for Airflow and MLflow.
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv mlflow_password MLFLOW_DB_PASSWORD
create role airflow login password :'airflow_password';
create role mlflow login password :'mlflow_password';
create database airflow owner airflow;
create database mlflow owner mlflow;
revoke connect on database airflow, mlflow, postgres from public;
