// Grafana's image is not started by the test: what it would read is checked as text instead.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const folder = fileURLToPath(new URL('../../deploy/grafana/', import.meta.url));

/** Every expression of every dashboard. */
export function dashboardExpressions() {
  return readdirSync(`${folder}dashboards`).flatMap((file) => {
    const { panels } = JSON.parse(readFileSync(`${folder}dashboards/${file}`, 'utf8'));
    return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  });
}

/** Names of the metrics that dashboards use. */
export const dashboardMetrics = () => [...new Set(dashboardExpressions().flatMap((expr) => expr.match(/\b(?:tidegate|process)_[a-z_]+/g) ?? []))].sort((a, b) => a.localeCompare(b));

/** Provisioning files parse, the data source exists, and every panel asks it something. */
export function checkGrafana(check) {
  const [source] = parse(readFileSync(`${folder}provisioning/datasources/prometheus.yaml`, 'utf8')).datasources;
  const [provider] = parse(readFileSync(`${folder}provisioning/dashboards/tidegate.yaml`, 'utf8')).providers;
  check('Grafana: the data source is Prometheus of this network', source.type === 'prometheus' && source.url === 'http://prometheus:9090');
  check('Grafana: dashboards are read from where compose mounts them', provider.options.path === '/var/lib/grafana/dashboards');
  for (const file of readdirSync(`${folder}dashboards`)) {
    const { uid, title, panels } = JSON.parse(readFileSync(`${folder}dashboards/${file}`, 'utf8'));
    const areAsking = panels.every((panel) => panel.datasource.uid === source.uid && panel.targets.length > 0 && panel.gridPos !== undefined);
    check(`Grafana: ${file} has a title and panels that ask ${source.name}`, Boolean(uid && title) && panels.length > 0 && areAsking);
  }
}
