#!/usr/bin/env bash
# Prometheus and VictoriaMetrics of Debian's packages on loopback, both empty at `up`.
#   AKC_PROM_TARGET_PORT=29100 prometheus.sh up    Prometheus scrapes itself (job "prometheus") and
#                                                  127.0.0.1:$AKC_PROM_TARGET_PORT/metrics (job "akc") twice a second
#   prometheus.sh halt | resume                    ends Prometheus and starts it again, with its data and on its port
#   prometheus.sh down
#   eval "$(prometheus.sh env)"                    AKC_PROMETHEUS_URL, AKC_VICTORIA_METRICS_URL (only if it could be had)
NAME=prometheus
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

url() { echo "http://127.0.0.1:$(cat "$STATE/port.$1")"; }
is_up() { pid_of prometheus >/dev/null && reachable "$(url prometheus)/-/ready"; } 2>/dev/null
has_victoria() { pid_of victoria-metrics >/dev/null && reachable "$(url victoria-metrics)/health"; } 2>/dev/null
variables() {
  echo "export AKC_PROMETHEUS_URL=$(url prometheus)"
  ! has_victoria || echo "export AKC_VICTORIA_METRICS_URL=$(url victoria-metrics)"
}
summary() {
  echo "$(prometheus --version 2>&1 | awk 'NR == 1 { print "Prometheus", $3 }') at $(url prometheus)," \
    "VictoriaMetrics $(has_victoria && echo "at $(url victoria-metrics)" || echo MISSING)"
}

start() {
  packages prometheus curl
  mkdir "$STATE"/{tsdb,victoria}; chown nobody:nogroup "$STATE"/{tsdb,victoria}
  free_port >"$STATE/port.prometheus"
  cat >"$STATE/prometheus.yml" <<YAML
global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s}
scrape_configs:
  - job_name: prometheus
    static_configs: [{targets: ["127.0.0.1:$(cat "$STATE/port.prometheus")"]}]
  - job_name: akc
    static_configs: [{targets: ["127.0.0.1:${AKC_PROM_TARGET_PORT:-29100}"]}]
YAML
  serve
  if installed victoria-metrics || { [ "${AKC_TEST_INSTALL:-}" = 1 ] && install_packages victoria-metrics; }; then
    free_port >"$STATE/port.victoria-metrics"
    spawn victoria-metrics "${AS_NOBODY[@]}" victoria-metrics -storageDataPath=/mnt/victoria -search.latencyOffset=0s \
      -httpListenAddr="127.0.0.1:$(cat "$STATE/port.victoria-metrics")"
    wait_ready victoria-metrics 20 has_victoria || say "VictoriaMetrics does not answer (see $STATE/victoria-metrics.log)"
  fi
  ready
}
serve() {
  spawn prometheus "${AS_NOBODY[@]}" prometheus --config.file=/mnt/prometheus.yml --storage.tsdb.path=/mnt/tsdb \
    --web.listen-address="127.0.0.1:$(cat "$STATE/port.prometheus")"
}
ready() { wait_ready prometheus 20 is_up || cannot "Prometheus does not get ready (see $STATE/prometheus.log)"; }
verb_halt() { end prometheus TERM; echo "$NAME: halted"; }
verb_resume() { is_up || { serve; ready; }; echo "$NAME: resumed"; }
stop() {
  end prometheus KILL; end victoria-metrics KILL
  rm -rf "$STATE"/{tsdb,victoria,prometheus.yml,port.*}
}
verbs "$@"
