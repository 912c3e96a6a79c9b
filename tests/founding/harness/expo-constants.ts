// Where the app's configuration says its server is: where the page came from.

export default { expoConfig: { extra: { SERVER_BASE_URL: window.location.origin } } };
