// Package otel tests module otel with OpenTelemetry's SDK and its exporter for Prometheus, which nobody who imports
// that module has to have.
package otel
