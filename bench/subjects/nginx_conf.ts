// The part of an nginx.conf that all Nginx subjects have in common: what the manual advises for any busy server.
export interface NginxConf {
  port: number
  /** Paths of modules to load, in their order. */
  modules?: readonly string[]
  http?: string
  server: string
}

export function nginxConf({ port, modules = [], http = '', server }: NginxConf): string {
  return `
    ${modules.map((module) => `load_module ${module};`).join('\n    ')}
    pcre_jit on;
    worker_processes 1;
    worker_rlimit_nofile 65536;
    daemon off;
    pid nginx.pid;
    error_log error.log warn;
    events { worker_connections 32768; }
    http {
      client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
      access_log off;
      sendfile on;
      tcp_nopush on;
      keepalive_requests 100000;
      types { }
      default_type "text/html; charset=utf-8";
      ${http}
      server {
        listen 127.0.0.1:${port} backlog=16384;
        ${server}
      }
    }`
}

/** To the app, over connections that stay open (ngx_http_upstream_module, keepalive). */
export function appUpstream(address: string): string {
  return `upstream app { server ${address}; keepalive 64; }`
}

export const PROXY_TO_APP = `
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  proxy_pass http://app;`
