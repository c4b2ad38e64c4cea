#!/bin/sh
# A token of a customer tenant with nothing but curl and sed, inside App Service, Functions or Container Apps:
#   curl.sh TENANT_ID SCOPE
# IDENTITY_ENDPOINT and IDENTITY_HEADER come from the platform. Yours are KEYHOLD_URL (https://keyhold.example),
# KEYHOLD_AUDIENCE (client id of Keyhold's own app registration), CLIENT_ID (the application to act as) and
# IDENTITY_CLIENT_ID (this service's managed identity). Prints Keyhold's answer; exits with 22 if it is a refusal.
# Secrets go to curl by its standard input: arguments are visible to every process of the machine.
set -eu
tenant_id=$1 scope=$2

own_token=$(
  printf 'header = "X-IDENTITY-HEADER: %s"\n' "$IDENTITY_HEADER" |
    curl --config - --silent --show-error --fail --max-time 30 --get "$IDENTITY_ENDPOINT" \
      --data-urlencode "api-version=2019-08-01" \
      --data-urlencode "resource=$KEYHOLD_AUDIENCE" \
      --data-urlencode "client_id=$IDENTITY_CLIENT_ID" |
    sed -n 's/.*"access_token"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p'
)
if [ -z "$own_token" ]; then
  echo "curl.sh: the managed identity gave no token" >&2
  exit 1
fi

printf 'header = "Authorization: Bearer %s"\n' "$own_token" |
  curl --config - --silent --show-error --fail-with-body --max-time 30 --proto =https \
    "$KEYHOLD_URL/$tenant_id/oauth2/v2.0/token" \
    --data-urlencode "grant_type=client_credentials" \
    --data-urlencode "client_id=$CLIENT_ID" \
    --data-urlencode "scope=$scope"
