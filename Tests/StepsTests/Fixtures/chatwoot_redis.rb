# Connects to Redis the three ways that Chatwoot v3.12.0 does, by the variables it reads for each, and says who it is there.
require 'json'
require 'openssl'
require 'redis'
require 'sidekiq/redis_client_adapter'

def given(name)
  value = ENV[name]
  value unless value.nil? || value.strip.empty?
end

verify = ENV['REDIS_OPENSSL_VERIFY_MODE'] == 'none' ? OpenSSL::SSL::VERIFY_NONE : OpenSSL::SSL::VERIFY_PEER
plain = { url: ENV['REDIS_URL'], password: given('REDIS_PASSWORD'), ssl_params: { verify_mode: verify } }
application = plain.merge(reconnect_attempts: 2, timeout: 1)
if given('REDIS_SENTINELS')
  # Without REDIS_SENTINEL_PASSWORD the Sentinels get the password of Redis; an empty one is none.
  secret = ENV.key?('REDIS_SENTINEL_PASSWORD') ? given('REDIS_SENTINEL_PASSWORD') : given('REDIS_PASSWORD')
  application[:url] = "redis://#{ENV.fetch('REDIS_SENTINEL_MASTER_NAME', 'mymaster')}"
  application[:sentinels] = ENV['REDIS_SENTINELS'].split(',').map do |text|
    host, port = text.split(':').map(&:strip)
    { host: host, port: port || '26379' }.merge(secret ? { password: secret } : {})
  end
end

clients = {
  'application' => -> { Redis.new(application.dup) },
  'sidekiq' => -> { Sidekiq::RedisClientAdapter.new(application.dup).new_client },
  'cable' => -> { Redis.new(plain.dup) }
}
clients.each do |name, client|
  found = { 'client' => name }
  begin
    redis = client.call
    info = redis.call('CLIENT', 'INFO')
    found['user'] = redis.call('ACL', 'WHOAMI')
    found['database'] = info[/ db=(\d+)/, 1].to_i
    found['port'] = info[/ laddr=\S+:(\d+)/, 1].to_i
    found['role'] = redis.call('ROLE').first
    found['written'] = redis.call('SET', "written by #{name}", '1')
  rescue StandardError => e
    found['error'] = "#{e.class}: #{e.message}"
  end
  puts JSON.generate(found)
end
