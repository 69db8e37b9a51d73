{{- /* For a workload's own chart: the redirect, then the gateway as a native sidecar, in this order, before its containers. */ -}}
{{- define "subrosa.sidecar.initContainers" -}}
- name: subrosa-redirect
  image: {{ .Values.sidecar.redirectImage | default (include "subrosa.image" .) }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [/bin/sh, /opt/subrosa/redirect.sh]
  args:
    - up
    - owner
    - --port
    - {{ .Values.sidecar.port | quote }}
    - --uid
    - {{ .Values.podSecurityContext.runAsUser | quote }}
    {{- if .Values.sidecar.exempt.instanceMetadata }}
    - --exempt
    - 169.254.169.254
    - --exempt
    - fd00:ec2::254
    {{- end }}
    {{- if .Values.sidecar.exempt.ecsCredentials }}
    - --exempt
    - 169.254.170.2
    {{- end }}
    {{- if .Values.sidecar.exempt.eksPodIdentity }}
    - --exempt
    - 169.254.170.23
    - --exempt
    - fd00:ec2::23
    {{- end }}
  # the only container that may change the pod's network, and it ends before the workload starts
  securityContext:
    runAsUser: 0
    runAsNonRoot: false
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: {drop: [ALL], add: [NET_ADMIN, NET_RAW]}
    seccompProfile: {type: RuntimeDefault}
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {memory: 64Mi}
  volumeMounts:
    - {name: redirect, mountPath: /opt/subrosa, readOnly: true}
    - {name: run, mountPath: /run}
- name: subrosa
  image: {{ include "subrosa.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  restartPolicy: Always
  args: {{- include "subrosa.args" . | nindent 4 }}
  env: {{- include "subrosa.environment" . | nindent 4 }}
  ports:
    - {name: metrics, containerPort: 9465}
  {{- include "subrosa.probes" . | nindent 2 }}
  # its user must be no other container's: the redirect lets what this user sends pass
  securityContext:
    runAsNonRoot: true
    runAsUser: {{ .Values.podSecurityContext.runAsUser }}
    runAsGroup: {{ .Values.podSecurityContext.runAsGroup }}
    {{- toYaml .Values.securityContext | nindent 4 }}
    seccompProfile: {type: RuntimeDefault}
  resources: {{- toYaml .Values.sidecar.resources | nindent 4 }}
  volumeMounts: {{- include "subrosa.mounts" . | nindent 4 }}
{{- end -}}

{{- define "subrosa.sidecar.volumes" -}}
{{ include "subrosa.volumes" . }}
- name: redirect
  configMap: {name: {{ include "subrosa.fullname" . }}-redirect, defaultMode: 0555}
- name: run
  emptyDir: {sizeLimit: 1Mi}
{{- end -}}
