{{- define "subrosa.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "subrosa.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "subrosa.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "subrosa.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "subrosa.selector" -}}
app.kubernetes.io/name: {{ include "subrosa.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "subrosa.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{ include "subrosa.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "subrosa.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* The settings file: what the user wrote, and on top of it what the chart must know. */ -}}
{{- define "subrosa.settings" -}}
{{- $own := dict "admin" "127.0.0.1:9464" "metrics" "0.0.0.0:9465" "state_dir" "/var/lib/subrosa" -}}
{{- if eq .Values.mode "gateway" -}}
{{- $_ := set $own "listeners" (list (dict "mode" "explicit" "listen" "0.0.0.0:8080")) -}}
{{- $_ := set $own "workers" (int .Values.gateway.workers) -}}
{{- else -}}
{{- $listeners := list (dict "mode" "transparent" "listen" (printf "127.0.0.1:%d" (int .Values.sidecar.port))) -}}
{{- if .Values.sidecar.ipv6 -}}
{{- $listeners = append $listeners (dict "mode" "transparent" "listen" (printf "[::1]:%d" (int .Values.sidecar.port))) -}}
{{- end -}}
{{- $_ := set $own "listeners" $listeners -}}
{{- end -}}
{{- if .Values.rules }}{{ $_ := set $own "rules" (list "/etc/subrosa/rules") }}{{ end -}}
{{- if .Values.ca.existingSecret -}}
{{- $_ := set $own "ca" (dict "cert" "/etc/subrosa/ca/tls.crt" "key" "/etc/subrosa/ca/tls.key") -}}
{{- end -}}
{{- if .Values.upstreamCa.existingConfigMap }}{{ $_ := set $own "upstream_ca" "/etc/subrosa/upstream-ca/ca.crt" }}{{ end -}}
{{- if .Values.proxyUsers.existingSecret }}{{ $_ := set $own "proxy_users" "/etc/subrosa/users/users" }}{{ end -}}
{{- $theirs := deepCopy .Values.settings -}}
{{- $drain := dict "drain_seconds" (int .Values.gateway.drainSeconds) -}}
{{- if eq .Values.mode "gateway" -}}
{{- $_ := set $theirs "limits" (merge (deepCopy (default dict $theirs.limits)) $drain) -}}
{{- end -}}
{{- toYaml (mergeOverwrite $theirs $own) -}}
{{- end -}}

{{- define "subrosa.args" -}}
- run
- --config
- /etc/subrosa/settings/subrosa.yaml
{{- end -}}

{{- define "subrosa.probes" -}}
startupProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 5
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 10
  failureThreshold: 6
{{- end -}}

{{- define "subrosa.mounts" -}}
- {name: settings, mountPath: /etc/subrosa/settings, readOnly: true}
- name: state
  mountPath: /var/lib/subrosa
  {{- if .Values.state.existingClaim }}
  subPathExpr: $(POD_NAME)
  {{- end }}
- {name: tmp, mountPath: /tmp}
{{- if .Values.rules }}
- {name: rules, mountPath: /etc/subrosa/rules, readOnly: true}
{{- end }}
{{- if .Values.ca.existingSecret }}
- {name: ca, mountPath: /etc/subrosa/ca, readOnly: true}
{{- end }}
{{- if .Values.upstreamCa.existingConfigMap }}
- {name: upstream-ca, mountPath: /etc/subrosa/upstream-ca, readOnly: true}
{{- end }}
{{- if .Values.proxyUsers.existingSecret }}
- {name: users, mountPath: /etc/subrosa/users, readOnly: true}
{{- end }}
{{- end -}}

{{- define "subrosa.volumes" -}}
- name: settings
  configMap: {name: {{ include "subrosa.fullname" . }}-settings}
- name: state
  {{- if .Values.state.existingClaim }}
  persistentVolumeClaim: {claimName: {{ .Values.state.existingClaim }}}
  {{- else }}
  emptyDir: {sizeLimit: {{ .Values.state.sizeLimit }}}
  {{- end }}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- if .Values.rules }}
- name: rules
  configMap: {name: {{ include "subrosa.fullname" . }}-rules}
{{- end }}
{{- if .Values.ca.existingSecret }}
- name: ca
  secret: {secretName: {{ .Values.ca.existingSecret }}, defaultMode: 0440}
{{- end }}
{{- if .Values.upstreamCa.existingConfigMap }}
- name: upstream-ca
  configMap: {name: {{ .Values.upstreamCa.existingConfigMap }}}
{{- end }}
{{- if .Values.proxyUsers.existingSecret }}
- name: users
  secret: {secretName: {{ .Values.proxyUsers.existingSecret }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{- define "subrosa.environment" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- end -}}

{{- /* What makes pods new: settings and rules are read whole at the start. */ -}}
{{- define "subrosa.checksums" -}}
subrosa.dev/settings: {{ include "subrosa.settings" . | sha256sum }}
subrosa.dev/rules: {{ toYaml .Values.rules | sha256sum }}
{{- end -}}
